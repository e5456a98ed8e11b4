"""The screens. Each owns its work; all read run folders through `watching`."""
