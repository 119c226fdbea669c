"""Back-propagation on a computational graph: NumPy alone, to read, to draw, and to check the engines by."""

from unstuck.graph.check import differences as differences
from unstuck.graph.node import Node as Node
from unstuck.graph.node import apply as apply
from unstuck.graph.node import constant as constant
from unstuck.graph.node import weight as weight
from unstuck.graph.walk import gradients as gradients
from unstuck.graph.walk import order as order
