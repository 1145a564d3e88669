"""What Sphinx does for these pages besides its own work. One rule: nothing that is generated here is kept in the repository."""
