"""Tools in the shapes of agent frameworks and model providers.

- `valetkey.adapters.openai`: OpenAI's chat completions and responses
- `valetkey.adapters.anthropic`: Anthropic's messages
- `valetkey.adapters.langchain`: LangChain and LangGraph (needs `langchain-core`)
- `valetkey.adapters.google_adk`: Google's Agent Development Kit (needs `google-adk`)

Choose the tools first, with `list_tools` or `search_tools`: models choose better among few.

What goes wrong and a model can mend (its input does not fit, the provider refuses) is told to the model. What only your
app can mend is raised, first of all `AccountNotActiveError` with the link for the user.
"""
