"""robointer_annotation: RoboInter's annotation of every frame of an episode, as records."""
