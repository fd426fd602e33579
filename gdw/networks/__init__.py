"""Networks: classifiers, the weight network V, many networks stacked as one, bfloat16 passes."""
