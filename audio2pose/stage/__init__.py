"""The dancer drawn: one gloo program, a window's canvas or offscreen."""
