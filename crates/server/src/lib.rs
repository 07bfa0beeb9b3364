//! REST, gRPC, proxy and hosted pages over the engine.
