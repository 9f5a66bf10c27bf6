"""The edge: who speaks? Opens statements and turns tokens into actors."""
