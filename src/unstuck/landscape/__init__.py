"""What the Hessian of the loss says where the gradient is nearly zero: minimum, saddle or plateau."""
