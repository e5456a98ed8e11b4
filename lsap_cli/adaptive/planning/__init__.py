"""What is learned, and in which order: pure values, made before anything is learned."""
