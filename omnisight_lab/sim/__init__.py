"""A simulated camera (`camera.SimulatedCamera`) and drawn scenes with known ground truth (`scenes.Scene`)."""
