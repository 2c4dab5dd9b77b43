"""Google's CEL and the Python generated from it, behind one interface."""
