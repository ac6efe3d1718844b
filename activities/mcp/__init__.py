"""Tools of MCP servers: how a server is reached, asked, pinned, and held to what was pinned."""
