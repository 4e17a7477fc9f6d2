"""What a study has taught: functions of its history, plain frozen results."""
