"""What people see: views as plain data, painted or printed."""
