"""Earlier methods of attribution, one module each, named as in the configuration's `rivals`."""
