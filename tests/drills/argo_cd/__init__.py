"""What Argo CD applies again and again, beside the controllers that change fields of the same objects."""
