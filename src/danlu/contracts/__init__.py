"""What a sampler, a scheduler, a store and an engine have to be, and the words between a trial and its study."""
