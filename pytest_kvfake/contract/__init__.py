"""The contract documents as data: loaded, routed, validated, counted."""
