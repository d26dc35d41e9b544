"""The contract-free core: what all services share."""
