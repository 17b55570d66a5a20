"""Asking a language model: messages, the one protocol behind which every server stands, and what is wrapped around it."""
