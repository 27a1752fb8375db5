"""DeOldify (https://github.com/jantic/DeOldify): its generators and what they are made of."""
