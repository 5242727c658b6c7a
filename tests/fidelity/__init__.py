"""The same programs under LangGraph and under lgrun: everything that can be seen from outside is compared."""
