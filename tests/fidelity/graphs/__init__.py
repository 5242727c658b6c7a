"""Do graphs do the same under LangGraph and under lgrun?"""
