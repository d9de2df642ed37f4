"""Questions that nothing was chosen on, over eight manuals: how well do the settings hold elsewhere? (ADR 64)"""
