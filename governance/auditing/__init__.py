"""What an offline audit checks besides the tree and the decisions; a checker for each concern."""
