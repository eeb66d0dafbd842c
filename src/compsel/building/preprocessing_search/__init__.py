"""Find out by labelled samples which preprocessing a model of pictures was trained with."""
