"""The whole main job, played over HTTP with real keys and signatures."""
