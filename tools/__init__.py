"""What makes the course: its site, notebooks, editions, exercises; and what certifies it."""
