"""How the ears learn: music with known beats is made, heard through our own bands, and a small causal net is fitted to it.

`python -m audio2pose.data.hearing.songs`, then `.train`, then `.calibrate`; docs/beat-tracking.md tells the whole way. Needs
the extra `train` and the programs mma and fluidsynth. Nothing here runs when people dance.
"""
