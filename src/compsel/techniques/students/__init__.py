"""Small models that learn a task from samples, for the inputs that they suffice for."""
