"""What runs on the other side: these modules import the standard library and each other, never the rest of convstep."""
