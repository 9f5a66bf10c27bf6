"""Which contract version is in force, who approved it, and on what evidence?"""
