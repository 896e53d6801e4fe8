"""How a dance is measured: one small file for each question, all of them free of the file's rate.

Each definition has a rate of its own: `sampling` brings the joints to it by a cubic spline, so that the same dance at 30 or
at 120 poses a second has the same numbers. Times are seconds of the song, lengths metres, y is up.
"""
