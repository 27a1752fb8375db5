"""What a run would do, without doing it: its learning rates, and how long its updates take."""
