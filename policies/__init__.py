"""May this actor do this to that, which rows and which fields may they see, and why?"""
