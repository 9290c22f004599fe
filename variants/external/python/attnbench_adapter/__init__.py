"""The adapter process: holds one library that only Python can call, and answers the plugin.

The conversation is described in variants/external/adapter/adapter_process.h.
"""
