"""Video files in and out, by PyAV: pictures with their true times, movies with generated sound."""
