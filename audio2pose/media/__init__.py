"""Sound and video files: decode to hops, write mp4 in step; the built-in song."""
