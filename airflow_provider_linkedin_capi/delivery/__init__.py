"""Events to LinkedIn: batches, pacing, isolation of refused elements, checkpoint and outcomes."""
