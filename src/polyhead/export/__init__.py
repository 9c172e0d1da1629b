"""From a torch model to an ONNX graph in its folder, proven to answer alike."""
