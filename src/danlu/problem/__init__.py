"""What a study is after and how far it may go: goal, budget, fidelity, contexts."""
