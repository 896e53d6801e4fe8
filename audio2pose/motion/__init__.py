"""The body: joints, rotations, kinematics, warping and joining of motion."""
