"""What a notebook shows: style, figures, panels, a run in the background, feedback on exercises."""
