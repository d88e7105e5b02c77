"""The main job: a market's whole life on a local validator, from deployment to the last withdrawal, all checked."""
