"""The training of the face finder's network, on rendered frames only: no pixel of a real person is in its weights.

    python -m tests.bench.finder --out edge/thermal/faces.onnx

needs PyTorch and onnx beside the development environment (`pip install torch onnx`); the product needs neither.
"""
