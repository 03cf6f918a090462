//! HR exports that arrive as files
