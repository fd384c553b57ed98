"""What is measured on the models of a run at any round, exactly: terms of the descent, gradients, landscape."""
