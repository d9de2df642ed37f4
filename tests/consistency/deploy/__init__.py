"""Images, manifests, workflows and the template agree with the code."""
