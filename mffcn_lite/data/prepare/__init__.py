"""From photos in files to a prepared set: what is found, left out, placed by the eyes, and written."""
