"""What is measured: beside others, or against a budget."""
