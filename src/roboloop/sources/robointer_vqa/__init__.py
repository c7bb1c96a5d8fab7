"""RoboInter-VQA as it is published: which sets there are, their pictures, their entries."""
