"""Questions about eight manuals that nothing was chosen on: how well do the settings hold elsewhere? (ADR 64)"""
