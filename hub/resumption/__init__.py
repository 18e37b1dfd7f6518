"""复工: when a site opens, who approved it, and whether it is ready."""
